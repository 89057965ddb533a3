// Post actions and logouts, because they change something: any page could have a link to them.
// sqladmin's own script would follow the links. This script runs first.
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

// Before rows are deleted, show their names. sqladmin's script would show their keys.
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

// Let the tables of lists fit the page: cut long values, whose title then has the whole text, and let times wrap between
// the date and the time of the day.
const LONG = /\S{13}|.{41}/;
const MOMENT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d( UTC)?)$/;
for (const cell of document.querySelectorAll(".table-responsive td:nth-child(n + 3)")) {
  const text = cell.textContent.trim().replace(/\s+/g, " ");
  const moment = text.match(MOMENT);
  if (moment) {
    cell.replaceChildren(part(moment[1]), " ", part(moment[2]));
  } else if (LONG.test(text)) {
    const cut = Object.assign(document.createElement("div"), { className: "cut", title: text });
    cut.append(...(cell.children.length ? cell.childNodes : breakable(text)));
    cell.replaceChildren(cut);
  }
}

// A line should rather end after a sign than within a word.
function breakable(text) {
  return text.split(/(?<=[@._/-])/).flatMap((word) => [word, document.createElement("wbr")]);
}

function part(text) {
  return Object.assign(document.createElement("span"), { className: "text-nowrap", textContent: text });
}
