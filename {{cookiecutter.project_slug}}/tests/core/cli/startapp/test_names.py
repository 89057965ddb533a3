import pytest

from app.core.cli.startapp.names import Names, model_of, plural_of


@pytest.mark.parametrize(
    ("name", "model", "item", "path"),
    [
        ("notes", "Note", "note", "/notes"),
        ("blog", "Blog", "blog", "/blog"),
        ("address", "Address", "address", "/address"),
        ("addresses", "Address", "address", "/addresses"),
        ("categories", "Category", "category", "/categories"),
        ("boxes", "Box", "box", "/boxes"),
        ("houses", "House", "house", "/houses"),
        ("status", "Status", "status", "/status"),
        ("blog_posts", "BlogPost", "blog_post", "/blog-posts"),
        ("s", "S", "s", "/s"),
    ],
)
def test_the_model_is_called_as_the_app_in_the_singular(name: str, model: str, item: str, path: str) -> None:
    names = Names(name, model_of(name), "")

    assert (names.model, names.item, names.path) == (model, item, path)


@pytest.mark.parametrize(
    ("item", "plural"),
    [
        ("post", "posts"),
        ("category", "categories"),
        ("day", "days"),
        ("box", "boxes"),
        ("address", "addresses"),
        ("branch", "branches"),
        ("blog_post", "blog_posts"),
    ],
)
def test_regular_plurals_are_known(item: str, plural: str) -> None:
    assert plural_of(item) == plural
