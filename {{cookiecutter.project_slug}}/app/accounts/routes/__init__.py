from fastapi import APIRouter

from app.accounts.routes import groups, keys, me, sessions, token, users

router = APIRouter()
for module in (token, me, sessions, users, groups, keys):
    router.routes.extend(module.router.routes)  # flat, as `app.core.routing` likes them
