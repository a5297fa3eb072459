"use strict";
(() => {
  const hover = JSON.parse(document.getElementById("hover").textContent);
  const tip = document.getElementById("tip");
  const root = document.documentElement;

  const theme = document.getElementById("theme");
  const order = ["auto", "light", "dark"];
  theme.hidden = false;
  theme.addEventListener("click", () => {
    const next = order[(order.indexOf(root.dataset.theme || "auto") + 1) % order.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    theme.textContent = "Theme: " + next;
  });

  function inside(plot, x, y) {
    return x >= plot[0] - 1 && y >= plot[1] - 1 && x <= plot[2] + 1 && y <= plot[3] + 1;
  }

  // the nearest point of every curve that is shown, in units of the picture
  function nearest(figure, chart, x, y) {
    let best = null;
    chart.series.forEach((series, index) => {
      const group = figure.querySelectorAll("g.series")[index];
      if (group.classList.contains("off") || group.classList.contains("faint")) return;
      for (let point = 0; point < series.px.length; point++) {
        if (!inside(chart.plot, series.px[point], series.py[point])) continue;
        const across = series.px[point] - x, up = series.py[point] - y;
        const distance = across * across + up * up;
        if (!best || distance < best.distance) best = { distance, index, point, series };
      }
    });
    return best;
  }

  function lines(figure, chart, found) {
    // curves over the same abscissae are read together, as over epochs
    const place = found.series.px[found.point];
    const together = chart.labels[1] === "" ? chart.series : [found.series];
    const rows = [];
    together.forEach((series) => {
      const group = figure.querySelectorAll("g.series")[chart.series.indexOf(series)];
      const point = series.px.indexOf(place);
      if (point >= 0 && !group.classList.contains("off")) rows.push(series.name + ": " + series.y[point]);
    });
    const first = chart.labels[0] + " " + found.series.x[found.point];
    if (chart.labels[1] === "") return [first, ...rows.slice(0, 12)];
    return [found.series.name, first, chart.labels[1] + " " + found.series.y[found.point]];
  }

  function show(event, figure, chart) {
    const svg = figure.querySelector("svg");
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const found = nearest(figure, chart, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    if (!found) return hide(figure);
    const x = found.series.px[found.point], y = found.series.py[found.point];
    figure.querySelector(".cursor").setAttribute("d", `M${x - 5},${y}h10M${x},${y - 5}v10`);
    tip.replaceChildren(...lines(figure, chart, found).map((text, index) => {
      const line = document.createElement(index ? "div" : "b");
      line.textContent = text;
      return line;
    }));
    tip.hidden = false;
    const left = box.left + x / scale + 14, top = box.top + y / scale + 14;
    const width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = Math.max(4, left + width > innerWidth - 4 ? left - width - 28 : left) + "px";
    tip.style.top = Math.max(4, top + height > innerHeight - 4 ? top - height - 28 : top) + "px";
  }

  function hide(figure) {
    tip.hidden = true;
    figure.querySelector(".cursor").setAttribute("d", "");
  }

  document.querySelectorAll("figure[data-chart]").forEach((figure) => {
    const chart = hover[Number(figure.dataset.chart)];
    const svg = figure.querySelector("svg");
    svg.addEventListener("pointermove", (event) => show(event, figure, chart));
    svg.addEventListener("pointerdown", (event) => show(event, figure, chart));
    svg.addEventListener("pointerleave", () => hide(figure));
    figure.querySelectorAll(".legend button").forEach((button) => {
      button.addEventListener("click", () => {
        const shown = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(shown));
        figure.querySelectorAll(`g.series[data-entry="${button.dataset.entry}"]`).forEach((group) =>
          group.classList.toggle("off", !shown));
        hide(figure);
      });
    });
  });
})();
