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
