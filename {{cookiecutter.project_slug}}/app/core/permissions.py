"""Names of permissions, as in Django: one for each action in the `__permissions__` of each model.

A class `Post` in `app/blog/models.py` gives `blog.view_post`, `blog.add_post`, `blog.change_post` and
`blog.delete_post`.
"""


def permission(action: str, model: type) -> str:
    return f"{app_of(model)}.{action}_{model.__name__.lower()}"


def app_of(model: type) -> str:
    return model.__module__.split(".")[1]
