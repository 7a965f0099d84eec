// Draws the tables marked with data-chart; the table itself stays where it is, for those who read or hear it.
"use strict";
(() => {
  const colours = ["#006a4e", "#d4351c", "#1d70b8", "#b45309", "#4c2c92"];
  const style = getComputedStyle(document.body);
  Chart.defaults.font.family = style.fontFamily;
  Chart.defaults.font.size = 14;
  Chart.defaults.animation = false;
  const digits = document.documentElement.lang === "bn" ? new Intl.NumberFormat("bn-BD") : new Intl.NumberFormat("en");
  for (const table of document.querySelectorAll("table[data-chart]")) {
    const columns = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const wanted = columns.map((cell, x) => x).filter((x) => x > 0 && columns[x].dataset.drawn !== undefined);
    const rows = [...table.tBodies[0].rows];
    const box = document.createElement("div");
    box.className = "chart no-print";
    const canvas = document.createElement("canvas");
    canvas.setAttribute("aria-hidden", "true");
    box.append(canvas);
    table.before(box);
    const isLying = table.dataset.chart === "bars";
    new Chart(canvas, {
      type: isLying ? "bar" : "line",
      data: {
        labels: rows.map((row) => row.cells[0].textContent.trim()),
        datasets: wanted.map((x, n) => ({
          label: columns[x].textContent.trim(),
          data: rows.map((row) => Number(row.cells[x].dataset.value)),
          borderColor: colours[n % colours.length],
          backgroundColor: colours[n % colours.length],
          pointStyle: ["circle", "rect", "triangle", "rectRot", "star"][n % 5],
          borderDash: isLying ? [] : [[], [6, 4], [2, 3], [10, 3], [1, 4]][n % 5],
        })),
      },
      options: {
        maintainAspectRatio: false,
        indexAxis: isLying ? "y" : "x",
        interaction: { mode: "index", intersect: false },
        plugins: { tooltip: { callbacks: { label: (one) => `${one.dataset.label}: ${digits.format(one.raw)}` } } },
        scales: {
          [isLying ? "x" : "y"]: { beginAtZero: true, ticks: { precision: 0, callback: (value) => digits.format(value) } },
        },
      },
    });
  }
})();
