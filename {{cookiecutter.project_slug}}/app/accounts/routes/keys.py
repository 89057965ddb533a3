from fastapi import APIRouter, HTTPException, Request, Response, status

from app.accounts.authentication.schemas import JWKSet
from app.accounts.authentication.tokens.signing import TokenPolicy
from app.core.web import public, raises

router = APIRouter(tags=["token"])

MAX_AGE = 300  # s until services learn of a new key: during a rotation, keep both keys for this time


@router.get("/.well-known/jwks.json")
@public
@raises(404)
async def read_keys(request: Request, response: Response) -> JWKSet:
    """Return the public keys that verify access tokens, for other services. With HS256 there are none."""
    policy: TokenPolicy = request.app.state.token_policy
    if not policy.keys.public_jwks:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "There are no public keys: a secret signs the tokens")
    response.headers["Cache-Control"] = f"public, max-age={MAX_AGE}"
    return JWKSet(keys=list(policy.keys.public_jwks))
