"use strict";
// Fills the panels of report.html from its JSON, and lets one hide methods.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const groups = data.groups;  // the last is for charts without colours, and in no legend
  const many = groups.some((group) => !group.on);
  const state = {on: groups.map((group) => group.on), smooth: true, bands: true, others: many};
  const plots = [];

  const element = (tag, more = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), more);
    made.append(...children);
    return made;
  };
  const shown = (x) => String(Number(x.toPrecision(4)));
  const between = (low, high) => low === null ? "-" : `${shown(low)} to ${shown(high)}`;
  const nameOf = (line) => groups[line.g].name + (line.rest ? `, ${line.rest}` : "");
  const RESTS = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 2, 1, 2]];

  // One row a point, in the fields that charts.py names.
  const pointsOf = (chart, line) => chart.few || !state.smooth || !line.smooth
    ? line.raw : line.smooth;
  const rowsOf = (chart, line, index, quiet) => {
    const points = pointsOf(chart, line), group = groups[line.g], name = nameOf(line);
    const dash = chart.rests.length > 1
      ? RESTS[chart.rests.indexOf(line.rest) % RESTS.length] : group.dash;
    return points.x.map((x, i) => {
      const count = points.c ? points.c[i] : points.n;
      const bounded = state.bands && points.l[i] !== null;
      return {
        x, y: points.m[i], lo: bounded ? points.l[i] : points.m[i],
        hi: bounded ? points.h[i] : points.m[i], line: index, c: quiet ? "#9a9a9a" : group.colour,
        o: quiet ? 0.3 : 1, w: quiet ? 0.8 : chart.few ? 1.8 : 1.5, d: dash,
        f: count < points.n ? "#ffffff" : group.colour, name, at: shown(x),
        mean: shown(points.m[i]), interval: between(points.l[i], points.h[i]),
        seeds: `${count} of ${points.n}` + (points.t && points.t[i] ? ` (${points.t[i]})` : ""),
      };
    });
  };

  // The ends of the y axis, the same in all panels: all means that are shown, and as much of their
  // intervals as leaves the means at least half of the axis.
  const limitsOf = (chart) => {
    let low = Infinity, high = -Infinity, bottom = Infinity, top = -Infinity;
    for (const panel of chart.panels) for (const line of panel.lines) {
      if (!state.on[line.g]) continue;
      const points = pointsOf(chart, line);
      points.m.forEach((mean, i) => {
        low = Math.min(low, mean);
        high = Math.max(high, mean);
        if (!state.bands || points.l[i] === null) return;
        bottom = Math.min(bottom, points.l[i]);
        top = Math.max(top, points.h[i]);
      });
    }
    if (low > high) return [0, 1];
    const room = (high - low) / 2 || Math.abs(high) * 0.1 || 1;
    bottom = Math.max(Math.min(low, bottom), low - room);
    top = Math.min(Math.max(high, top), high + room);
    if (chart.log) return [Math.max(bottom, low / 2) / 1.05, top * 1.05];
    const margin = 0.03 * (top - bottom);
    return [bottom - margin, top + margin];
  };

  const lineData = (chart, panel) => {
    const rows = {panel: [], context: [], mark: panel.mark === null ? [] : [{x: panel.mark}]};
    panel.lines.forEach((line, index) => {
      if (state.on[line.g]) rows.panel.push(...rowsOf(chart, line, index, false));
      else if (state.others) rows.context.push(...rowsOf(chart, line, index, true));
    });
    const xs = [...rows.panel, ...rows.context].map((row) => row.x);
    if (rows.mark.length && xs.length
        && (panel.mark < Math.min(...xs) || panel.mark > Math.max(...xs))) rows.mark = [];
    const [low, high] = limitsOf(chart);
    return {rows, signals: {low, high}};
  };

  const pairData = (chart, pairs) => {
    const found = [];
    for (const [a, b, rest, mean, low, high, count, lanes] of pairs) {
      if (a !== chart.base && b !== chart.base) continue;
      const sign = a === chart.base ? 1 : -1, other = a === chart.base ? b : a;
      if (!state.on[other] && !state.others) continue;
      const ends = low === null ? [null, null] : sign > 0 ? [low, high] : [-high, -low];
      const apart = low !== null && (low > 0 || high < 0);
      found.push({
        y: sign * mean, lo: ends[0] ?? sign * mean, hi: ends[1] ?? sign * mean,
        c: apart ? groups[other].colour : "#a9a9a9", on: state.on[other] || many,
        name: groups[other].name + (rest ? `, ${rest}` : ""), mean: shown(sign * mean),
        interval: between(...ends), seeds: `${count} of ${lanes} shared`, difference: true,
      });
    }
    found.sort((one, two) => one.y - two.y);
    const kept = found.filter((row) => row.on);
    const means = kept.map((row) => row.y);
    const reach = 2 * Math.max(...means.map(Math.abs), 1e-12);
    const low = Math.max(Math.min(0, ...kept.map((row) => row.lo)), -reach);
    const high = Math.min(Math.max(0, ...kept.map((row) => row.hi)), reach);
    const margin = 0.05 * (high - low) || 1;
    return {rows: {panel: kept, mark: [{x: 0}]}, height: 20 * Math.max(kept.length, 1),
      signals: {low: low - margin, high: high + margin}};
  };

  const dataOf = (plot) => {
    const panel = plot.chart.panels[plot.panel];
    if (plot.chart.kind === "lines") return lineData(plot.chart, panel);
    if (plot.chart.kind === "paired") return pairData(plot.chart, panel);
    const names = new Set(panel.map((field) => field.row));
    return {rows: {panel}, signals: {}, height: 24 * names.size};
  };

  const fill = (plot) => {
    const {rows, signals, height} = dataOf(plot);
    if (height) plot.view.height(height);
    for (const [name, values] of Object.entries(rows)) plot.view.data(name, values);
    for (const [name, value] of Object.entries(signals)) plot.view.signal(name, value);
    return plot.view.runAsync();
  };

  // The tooltip; a point found as the nearest hides its row one level deeper.
  const tip = element("table", {id: "tip", hidden: true});
  document.body.append(tip);
  const showTip = (_, event, item, value) => {
    const row = item && item.datum && (item.datum.datum || item.datum);
    tip.hidden = value === null || value === undefined || value === "" || !row;
    if (tip.hidden) return;
    const texts = [["", row.name], ["at", row.at], [row.difference ? "difference" : "mean", row.mean],
      ["95 % interval", row.interval], ["seeds", row.seeds]];
    tip.replaceChildren(...texts.filter((pair) => pair[1] !== undefined).map(([label, text]) =>
      element("tr", {}, element("th", {}, label), element("td", {}, text))));
    const left = event.clientX + 16, wide = tip.offsetWidth;
    tip.style.left = `${Math.max(4, left + wide > innerWidth ? event.clientX - wide - 16 : left)}px`;
    tip.style.top = `${Math.min(event.clientY + 12, innerHeight - tip.offsetHeight - 4)}px`;
  };

  const draw = async (plot) => {
    plot.started = true;
    const {rows, signals, height} = dataOf(plot);
    const spec = {...plot.chart.spec, datasets: rows};
    if (height) spec.height = height;
    if (plot.chart.kind === "heat") {
      const columns = new Set(rows.panel.map((row) => row.column)).size;
      plot.element.style.maxWidth = `${200 + 150 * columns}px`;
    }
    if (spec.params) {
      spec.params = spec.params.map((param) =>
        param.name in signals ? {...param, value: signals[param.name]} : param);
    }
    const size = Object.values(rows).reduce((sum, list) => sum + list.length, 0);
    const options = {ast: true, actions: false, renderer: size > 6000 ? "canvas" : "svg",
      tooltip: showTip, logLevel: 1};  // errors only: it warns of every layer without rows
    const made = await vegaEmbed(plot.element, spec, options);
    plot.view = made.view;
    plot.element.dataset.drawn = "1";
    if (plot.stale) await fill(plot);
    plot.stale = false;
  };

  const redraw = () => {
    for (const plot of plots) {
      if (plot.chart.kind === "heat") continue;
      if (plot.view) fill(plot);
      else if (plot.started) plot.stale = true;
    }
  };

  // The bar: a button for each method, and what is drawn of the lines.
  const sampleOf = (colour, width, dash) => {
    const sample = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const stroke = document.createElementNS("http://www.w3.org/2000/svg", "path");
    sample.setAttribute("width", "26");
    sample.setAttribute("height", "8");
    stroke.setAttribute("d", "M0 4H26");
    stroke.setAttribute("stroke", colour);
    stroke.setAttribute("stroke-width", width);
    stroke.setAttribute("stroke-dasharray", dash.join(" "));
    sample.append(stroke);
    return sample;
  };
  const buttons = groups.slice(0, -1).map((group, index) => {
    const button = element("button", {type: "button", title: group.name},
      sampleOf(group.colour, 3, group.dash), group.name);
    button.onclick = (event) => {
      if (event.altKey) state.on = groups.map((_, i) => i === index || i === buttons.length);
      else state.on[index] = !state.on[index];
      update();
    };
    return button;
  });
  const update = () => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", state.on[i]));
    redraw();
  };
  const choose = (label, rule) => {
    const button = element("button", {type: "button"}, label);
    button.onclick = () => {
      state.on = groups.map((group, i) => i === buttons.length || rule(group));
      update();
    };
    return button;
  };
  const toggle = (label, key) => {
    const box = element("input", {type: "checkbox", checked: state[key]});
    box.onchange = () => {
      state[key] = box.checked;
      redraw();
    };
    return element("label", {}, box, ` ${label}`);
  };
  if (data.charts.length) {
    const tools = element("div", {id: "tools"});
    if (buttons.length > 1) {
      document.getElementById("bar").append(element("div", {id: "legend",
        className: many ? "many" : ""}, element("span", {className: "by"}, data.by), ...buttons));
      tools.append(choose("all", () => true), choose("none", () => false));
    }
    if (many) {
      const search = element("input", {type: "search", placeholder: "find a method"});
      search.oninput = () => buttons.forEach((button, i) => {
        button.hidden = !groups[i].name.toLowerCase().includes(search.value.toLowerCase());
      });
      tools.append(choose("best", (group) => group.on), search,
        toggle("the others in grey", "others"));
    }
    tools.append(toggle("intervals", "bands"), toggle("smoothed", "smooth"),
      element("span", {className: "hint", title: "Double-click sets a chart back"},
        "drag: pan · Shift and wheel: zoom · double-click: back"));
    document.getElementById("bar").append(tools);
    update();
  }

  // Paired differences: to which method all others are compared.
  for (const place of document.querySelectorAll(".plot")) {
    const chart = data.charts[Number(place.dataset.chart)];
    plots.push({element: place, chart, panel: Number(place.dataset.panel)});
  }
  for (const place of document.querySelectorAll("section")) {
    const control = place.querySelector(".control"), first = place.querySelector(".plot");
    if (!first) continue;
    const chart = data.charts[Number(first.dataset.chart)];
    if (chart.kind === "lines" && chart.rests.length > 1) {  // What the dashes mean.
      place.querySelector(".panels").before(element("p", {className: "dashes"},
        ...chart.rests.map((rest, i) => element("span", {},
          sampleOf("#555", 1.6, RESTS[i % RESTS.length]), ` ${rest}`))));
    }
    if (!control) continue;
    const select = element("select", {}, ...chart.bases.map((index) =>
      element("option", {value: String(index)}, groups[index].name)));
    chart.base = chart.bases[0];
    select.onchange = () => {
      chart.base = Number(select.value);
      redraw();
    };
    control.append(element("label", {}, `Each ${data.by} minus `, select));
  }

  // Panels are drawn when they come near the window.
  const failed = (error) => console.error(error);
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const plot = plots.find((one) => one.element === entry.target);
      if (entry.isIntersecting && !plot.started) draw(plot).catch(failed);
    }
  }, {rootMargin: "600px"});
  for (const plot of plots) watcher.observe(plot.element);
  addEventListener("beforeprint", () => {
    for (const plot of plots) if (!plot.started) draw(plot).catch(failed);
  });
  window.plots = plots;
})();
