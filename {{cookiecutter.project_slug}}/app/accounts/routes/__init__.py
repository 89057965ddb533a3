from fastapi import APIRouter

from app.accounts.routes import me, token

router = APIRouter()
router.include_router(token.router)
router.include_router(me.router)
