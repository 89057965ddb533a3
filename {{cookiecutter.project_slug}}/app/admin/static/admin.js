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

// Before something is deleted: by its name, where sqladmin's script puts its key.
document.addEventListener("shown.bs.modal", (event) => {
  if (event.target.id !== "modal-delete") return;
  const row = event.relatedTarget?.closest("tr");
  const rows = row ? [row] : Array.from(document.querySelectorAll(".select-box:checked"), (box) => box.closest("tr"));
  const names = rows.map((each) => each.cells[2].innerText.trim());
  const named = names.join(", ") || document.querySelector(".page-pretitle").textContent.trim();
  setTimeout(() => {
    document.getElementById("modal-delete-text").textContent = `This will permanently delete ${named}.`;
  });
});
