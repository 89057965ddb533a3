from fastapi import APIRouter

from app.accounts.routes import email_verification, groups, keys, me, password_reset, sessions, token, users

router = APIRouter()
for module in (token, me, sessions, email_verification, password_reset, users, groups, keys):
    router.include_router(module.router)
