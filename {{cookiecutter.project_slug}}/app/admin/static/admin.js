// Actions and the end of a session change something, so they are posted: a link could stand in anybody's page.
// sqladmin's own script would follow them; this one comes first.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  const url = link && new URL(link.dataset.url || link.href, location);
  if (!url || !/\/(action\/[^/]+|logout)$/.test(url.pathname)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (link.dataset.url) url.searchParams.set("pks", chosen().join(","));
  post(url);
}, true);

// The keys of the rows that are ticked, each in the hidden field before the box.
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
