"""An application for comparisons, as in tutorials on OAuth2 with passwords and JWTs.

It does the same as these tutorials: the user is in a dictionary, the routes are `async def`, and they hash the password
in the event loop. It has no database, no middleware and no limits.
"""

# Its imports are installed for a project, but not for the template, where mypy checks it.
# mypy: disable-error-code="import-not-found,untyped-decorator"

from datetime import UTC, datetime, timedelta
from typing import Annotated

import bcrypt
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm

from bench import PASSWORD, USERNAME

SECRET_KEY = "a benchmark's key, of which nobody has to be afraid"
ALGORITHM = "HS256"
ROUNDS = 12  # as in the project: hashes must have the same cost

USERS = {USERNAME: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(ROUNDS))}

app = FastAPI()
oauth2_scheme = OAuth2PasswordBearer(tokenUrl="token")


@app.get("/plain")
@app.get("/health/live")
async def plain() -> dict[str, str]:
    return {"message": "Hello!"}


@app.post("/token")
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
    hashed_password = USERS.get(form.username)
    if hashed_password is None or not bcrypt.checkpw(form.password.encode(), hashed_password):
        raise HTTPException(401, "Incorrect username or password", {"WWW-Authenticate": "Bearer"})
    claims = {"sub": form.username, "exp": datetime.now(UTC) + timedelta(minutes=30)}
    return {"access_token": jwt.encode(claims, SECRET_KEY, ALGORITHM), "token_type": "bearer"}


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)]) -> str:
    try:
        return str(jwt.decode(token, SECRET_KEY, [ALGORITHM])["sub"])
    except (jwt.PyJWTError, KeyError):
        raise HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"}) from None


CurrentUser = Annotated[str, Depends(get_current_user)]


@app.get("/users/me")
async def read_me(user: CurrentUser) -> dict[str, str]:
    return {"username": user}


@app.get("/protected")
async def protected(user: CurrentUser) -> dict[str, str]:
    return {"message": "Hello, authenticated user!"}
