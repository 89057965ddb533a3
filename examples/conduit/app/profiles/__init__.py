"""What other apps may import."""

from app.profiles.models import Follow
from app.profiles.queries import followed_by
from app.profiles.schemas import ProfileRead

__all__ = ["Follow", "ProfileRead", "followed_by"]
