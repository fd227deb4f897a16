(() => {
  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll("#cards > li")];
  const apply = () => {
    const wanted = [...form.querySelectorAll("select")].map((select) => select.value).filter(Boolean);
    const typed = form.querySelector("input").value.trim().toLowerCase();
    let shown = 0;
    for (const card of cards) {
      const tags = card.dataset.tags.split(" ");
      const fits = wanted.every((tag) => tags.includes(tag)) && card.textContent.toLowerCase().includes(typed);
      card.hidden = !fits;
      shown += fits;
    }
    form.querySelector("output").textContent = `${shown} of ${cards.length} shown`;
  };
  form.hidden = false;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  apply();
})();
