// Without this script the page reads the same; it adds a switch for all but one label, sorts the index, and lets Escape close the line
// that tells what a sentence was taken for.
const only = document.querySelector("#only");
const boxes = [...document.querySelectorAll(".key [data-label]")];
const isOnly = () => boxes.every((box) => box.checked === (box === boxes[0]));
only.hidden = false;
only.addEventListener("click", () => {
  const all = isOnly();
  for (const box of boxes) box.checked = all || box === boxes[0];
});
for (const control of [only, ...boxes])
  control.addEventListener("click", () => only.setAttribute("aria-pressed", String(isOnly())));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement.matches(".s")) document.activeElement.blur();
});

const number = (cell) => Number(cell.dataset.value);
const text = (cell) => cell.dataset.value;
for (const head of document.querySelectorAll("th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const order = head.getAttribute("aria-sort");
    const down = head.matches(".share") ? order !== "descending" : order === "ascending";
    const body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const cell = (row) => row.cells[head.cellIndex];
    const rows = [...body.rows].sort((a, b) =>
      head.matches(".share") ? number(cell(a)) - number(cell(b)) : text(cell(a)).localeCompare(text(cell(b))));
    body.append(...(down ? rows.reverse() : rows));
  });
}
