// The page can be read without this script. It adds a button that shows only the first label, sorts the index by column, and lets
// Escape close the line that tells a sentence's label.
const only = document.querySelector("#only");
const boxes = [...document.querySelectorAll(".key [data-label]")];
const onlyFirst = () => boxes.every((box) => box.checked === (box === boxes[0]));
only.hidden = false;
only.addEventListener("click", () => {
  const showAll = onlyFirst();
  for (const box of boxes) box.checked = showAll || box === boxes[0];
});
for (const control of [only, ...boxes])
  control.addEventListener("click", () => only.setAttribute("aria-pressed", String(onlyFirst())));

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
    const descending = head.matches(".share") ? order !== "descending" : order === "ascending";
    const body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const cell = (row) => row.cells[head.cellIndex];
    const rows = [...body.rows].sort((a, b) =>
      head.matches(".share") ? number(cell(a)) - number(cell(b)) : text(cell(a)).localeCompare(text(cell(b))));
    body.append(...(descending ? rows.reverse() : rows));
  });
}
