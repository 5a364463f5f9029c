(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const buttons = all(".filter [data-choice]");
  const choice = document.getElementById("section");
  const status = document.querySelector(".filter .status");
  const sections = all("main section");
  const claims = all("[data-verdict]");
  let verdict = "";

  function filter() {
    let shown = 0;
    document.body.classList.toggle("filtered", verdict !== "");
    document.body.dataset.shown = verdict;
    for (const claim of claims) claim.classList.toggle("match", !verdict || claim.dataset.verdict === verdict);
    for (const row of all("main tbody tr")) row.hidden = !row.matches(".match") && !row.querySelector(".match");
    for (const table of all("[data-table]")) table.hidden = !table.querySelector(".match");
    for (const section of sections) {
      const found = all(".match", section).length;
      section.hidden = !found || (choice.value !== "" && choice.value !== section.id);
      if (!section.hidden) shown += found;
    }
    status.textContent = status.dataset.words.replace("{shown}", shown).replace("{all}", claims.length);
    document.getElementById("none").hidden = shown > 0;
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.choice === verdict));
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      verdict = button.dataset.choice;
      filter();
    });
  }
  choice.addEventListener("change", () => {
    filter();
    document.querySelector("main").scrollIntoView({ block: "nearest" }); // where the rest of the page has gone
  });
  for (const link of all("nav a")) { // a link to a section shows it, whatever was chosen before
    link.addEventListener("click", () => {
      choice.value = "";
      verdict = "";
      filter();
    });
  }
  filter();
})();
