"""What other apps may import."""

from app.articles.access import FoundArticle
from app.articles.models import Article
from app.articles.schemas import Camel, Moment

__all__ = ["Article", "Camel", "FoundArticle", "Moment"]
