// Without this script the page reads the same; it adds a switch for all but one label, and sorts the index.
for (const button of document.querySelectorAll("button[hidden]")) button.hidden = false;

document.querySelector("#only").addEventListener("click", (event) => {
  const boxes = [...document.querySelectorAll(".key [data-label]")];
  const only = boxes.every((box) => box.checked === (box === boxes[0]));
  for (const box of boxes) box.checked = only || box === boxes[0];
  event.currentTarget.setAttribute("aria-pressed", String(!only));
});

const number = (cell) => Number(cell.dataset.value);
const text = (cell) => cell.dataset.value;
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const down = head.getAttribute("aria-sort") === (head.matches(".share") ? null : "ascending");
    const body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const cell = (row) => row.cells[head.cellIndex];
    const rows = [...body.rows].sort((a, b) =>
      head.matches(".share") ? number(cell(a)) - number(cell(b)) : text(cell(a)).localeCompare(text(cell(b))));
    body.append(...(down ? rows.reverse() : rows));
  });
}
