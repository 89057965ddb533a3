from fastapi import APIRouter

from app.accounts.routes import keys, me, sessions, token

router = APIRouter()
for module in (token, me, sessions, keys):
    router.routes.extend(module.router.routes)  # flat, as `app.core.routing` likes them
