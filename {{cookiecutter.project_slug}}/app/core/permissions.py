"""What may be granted: for each model of every app the actions in its `__permissions__`, in Django's form.

`app/blog/models.py` with a class `Post` brings `blog.view_post`, `blog.add_post`, `blog.change_post` and
`blog.delete_post`.
"""


def permission(action: str, model: type) -> str:
    return f"{app_of(model)}.{action}_{model.__name__.lower()}"


def app_of(model: type) -> str:
    return model.__module__.split(".")[1]
