// Post actions and logouts, because they change something: any page could have a link to them.
// sqladmin's own script would follow the links. This script runs before the page is there: nobody can click earlier.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const url = link && new URL(link.dataset.url || link.href, location);
  if (!url || !/\/(action\/[^/]+|logout)$/.test(url.pathname)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (link.dataset.url) url.searchParams.set("pks", chosen().join(","));
  post(url);
}, true);

// Returns the keys of the ticked rows. Each is in the hidden field before the box.
function chosen() {
  return Array.from(document.querySelectorAll(".select-box:checked"), (box) => box.previousElementSibling.value);
}

function post(url) {
  const form = document.createElement("form");
  form.method = "post";
  form.action = url;
  document.body.append(form);
  form.submit();
}
