// Shows a field for many rows as two lists, of available and of chosen rows, each with a search.
// The field is hidden, but the form still sends it. So the server does not know about the lists.

const SIZE = 12; // rows

class List {
  constructor(field, name, title, isChosen) {
    this.field = field;
    this.isChosen = isChosen;
    this.count = make("span", { className: "badge bg-secondary-lt ms-1" });
    this.search = make("input", { type: "search", className: "form-control mb-1", placeholder: "Search", id: `${field.id}-${title}` });
    this.search.ariaLabel = `Search in ${title.toLowerCase()} ${name}`;
    this.select = make("select", { multiple: true, size: SIZE, className: "form-control" });
    this.select.ariaLabel = `${title} ${name}`;
    this.side = make("div", { className: "two-lists-side" });
    const heading = make("div", { className: "form-label mb-1", textContent: title });
    heading.append(this.count);
    this.side.append(heading, this.search, this.select);
  }

  // Keeps the place of the cursor: after a move, it is on the row that has followed.
  fill(marked = []) {
    const all = Array.from(this.field.options).filter((option) => option.selected === this.isChosen);
    const term = this.search.value.trim().toLowerCase();
    const found = all.filter((option) => option.text.toLowerCase().includes(term));
    this.count.textContent = found.length < all.length ? `${found.length} of ${all.length}` : all.length;
    this.select.replaceChildren(...found.map((option) => new Option(option.text, option.index, false, marked.includes(option.index))));
  }
}

function make(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function button(text, act) {
  const made = make("button", { type: "button", className: "btn btn-sm", textContent: text });
  made.addEventListener("click", act);
  return made;
}

function enhance(field) {
  const label = field.labels[0];
  const name = label.textContent.trim().toLowerCase();
  const lists = [new List(field, name, "Available", false), new List(field, name, "Chosen", true)];
  const [available, chosen] = lists;
  const status = make("div", { className: "visually-hidden" });
  status.role = "status";
  const add = button("Add", () => move(available, chosen, "added"));
  const remove = button("Remove", () => move(chosen, available, "removed"));

  function refresh() {
    add.disabled = !available.select.selectedOptions.length;
    remove.disabled = !chosen.select.selectedOptions.length;
  }

  function move(from, to, done, options = Array.from(from.select.selectedOptions)) {
    if (!options.length) return;
    const place = options[0].index;
    const moved = options.map((option) => Number(option.value));
    for (const index of moved) field.options[index].selected = to.isChosen;
    from.fill();
    to.fill(moved);
    const next = from.select.options[Math.min(place, from.select.length - 1)];
    if (next) next.selected = true;
    status.textContent = `${moved.map((index) => field.options[index].text).join(", ")} ${done}`;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    refresh();
    if (document.activeElement?.disabled || document.activeElement === document.body) from.select.focus();
  }

  for (const [from, to, done] of [[available, chosen, "added"], [chosen, available, "removed"]]) {
    from.select.addEventListener("change", refresh);
    from.select.addEventListener("dblclick", () => move(from, to, done));
    from.select.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // it would send the form
      move(from, to, done);
    });
    from.search.addEventListener("input", () => {
      from.fill();
      refresh();
    });
    from.search.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (from.select.length === 1) move(from, to, done, [from.select.options[0]]);
    });
  }

  const group = make("div", { className: "two-lists" });
  group.role = "group";
  group.ariaLabel = label.textContent.trim();
  const buttons = make("div", { className: "two-lists-buttons" });
  buttons.append(add, remove);
  group.append(available.side, buttons, chosen.side, status);
  field.after(group);
  field.hidden = true;
  label.htmlFor = available.search.id;

  function show() {
    for (const list of lists) list.fill();
    refresh();
  }
  show();
  addEventListener("pageshow", show); // a browser may have restored the field after a reload
}

document.querySelectorAll("select[multiple][data-two-lists]:not(:disabled)").forEach(enhance);
