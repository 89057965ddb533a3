from fastapi import APIRouter, HTTPException, Request, Response, status

from app.accounts.authentication.schemas import JWKSet
from app.accounts.authentication.tokens.signing import TokenPolicy
from app.core.web import public, raises

router = APIRouter(tags=["token"])

MAX_AGE = 300  # s that a service may take to hear of a new key: so long keep both in use when you rotate


@router.get("/.well-known/jwks.json")
@public
@raises(404)
async def read_keys(request: Request, response: Response) -> JWKSet:
    """The public keys that verify access tokens, for other services. Secrets (HS256) have none."""
    policy: TokenPolicy = request.app.state.token_policy
    if not policy.keys.public_jwks:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Tokens are signed with a secret here, which is not shown")
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return JWKSet(keys=list(policy.keys.public_jwks))
