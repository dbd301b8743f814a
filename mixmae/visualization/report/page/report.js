'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const colours = ['#1f77d0', '#e07b00', '#2e9e4f', '#c23b3b', '#8a5bc7', '#8a6d5a', '#d763b0', '#7a7f87', '#a8a51f', '#1aa5b5'];
  const colour = (number) => colours[number % colours.length];
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  // Images of the page only: an address from a file could lead elsewhere.
  function image(address, text) {
    const made = element('img');
    if (String(address).startsWith('data:image/')) made.src = address;
    made.alt = text;
    return made;
  }

  function format(value) {
    if (value === null || value === undefined) return '';
    return String(Number(value.toPrecision(4)));
  }

  const fixed = (value) => (typeof value === 'number' ? value.toFixed(3) : '');

  // Plots

  const plots = [];

  const wholeSteps = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat();

  // Under the pointer, else the last one.
  const shown = (plot, value, number) => format(value ?? plot.data[number].findLast((last) => last !== null && last !== undefined));

  function plotOptions(plot, width) {
    const axis = {
      stroke: style('--ink'), grid: { stroke: style('--line'), width: 1 },
      ticks: { stroke: style('--line') }, font: '12px system-ui',
    };
    return {
      width, height: 210,
      scales: { x: { time: false } },
      cursor: { drag: { x: true, y: true, uni: 20 } },
      axes: [
        { ...axis, incrs: wholeSteps, label: plot.x, labelSize: 18, labelFont: '12px system-ui' },
        { ...axis, size: 70, label: plot.y || undefined, labelSize: 16, labelFont: '12px system-ui',
          values: (_, ticks) => ticks.map(format) },
      ],
      series: [
        { label: plot.x, value: shown },
        ...plot.series.map((series, number) => ({
          label: series.label,
          stroke: series.run >= data.names.length ? style('--faint') : colour(data.names.length > 1 ? series.run : number),
          width: 1.8, dash: series.dashed ? [6, 5] : undefined, spanGaps: true,
          points: { show: series.x.length < 25 },
          value: shown,
        })),
      ],
    };
  }

  function drawPlots() {
    const grid = document.getElementById('plot-grid');
    if (!grid) return;
    grid.replaceChildren();
    plots.forEach((plot) => plot.destroy());
    plots.length = 0;
    for (const plot of data.plots) {
      const figure = element('figure');
      figure.append(element('figcaption', plot.title));
      grid.append(figure);
      const values = uPlot.join(plot.series.map((series) => [series.x, series.y]));
      plots.push(new uPlot(plotOptions(plot, figure.clientWidth || 330), values, figure));
    }
  }
  drawPlots();
  let wide = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== wide) { wide = innerWidth; drawPlots(); }
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawPlots);

  // Reconstructions

  for (const section of document.querySelectorAll('section.reconstructions')) {
    const steps = data.reconstructions[section.dataset.run];
    const slider = section.querySelector('input');
    const name = section.querySelector('.slider span');
    const place = section.querySelector('.views');
    const show = () => {
      const step = steps[slider.value];
      name.textContent = `${step.unit} ${step.step}`;
      const table = element('table');
      const head = element('tr');
      for (const title of Object.values(step.titles)) head.append(element('th', title));
      table.append(head);
      for (const [number, row] of step.images.entries()) {
        const line = element('tr');
        for (const [view, title] of Object.entries(step.titles)) {
          const cell = element('td');
          cell.append(image(row[view] || steps.at(-1).images[number][view], `image ${number + 1}, ${title}`));
          line.append(cell);
        }
        const figures = element('td', null, 'figures');
        figures.append(element('div', `error ${fixed(row.loss)}`), element('div', `mean colour ${fixed(row.mean_colour_loss)}`));
        line.append(figures);
        table.append(line);
      }
      place.replaceChildren(table);
    };
    slider.addEventListener('input', show);
    show();
  }

  // Features

  // Colours of more classes recur.
  const MOST_NAMED = colours.length;

  function thumbnail(map, number, side) {
    const made = element('span', null, 'thumb');
    const scale = side / map.side;
    const row = Math.floor(number / map.columns);
    const column = number % map.columns;
    made.style.width = made.style.height = `${side}px`;
    if (map.sprite.startsWith('data:image/')) made.style.backgroundImage = `url("${map.sprite}")`;
    made.style.backgroundSize = `${map.columns * map.side * scale}px auto`;
    made.style.backgroundPosition = `${-column * side}px ${-row * side}px`;
    return made;
  }

  for (const section of document.querySelectorAll('section.features')) {
    const map = data.features[section.dataset.run];
    const field = section.querySelector('.field');
    const tabs = section.querySelector('.tabs');
    const classes = map.labels ? [...new Set(map.labels)].sort() : [];
    const tip = element('div', null, 'tip');
    tip.hidden = true;
    const show = (name) => {
      for (const tab of tabs.children) tab.setAttribute('aria-pressed', tab.textContent === name);
      field.replaceChildren(tip);
      map.points[name].forEach(([x, y], number) => {
        const dot = element('button', null, 'dot');
        dot.style.left = `${3 + 94 * x}%`;
        dot.style.top = `${97 - 94 * y}%`;
        dot.style.background = map.labels ? colour(classes.indexOf(map.labels[number])) : colour(0);
        dot.setAttribute('aria-label', `image ${number + 1}`);
        const enter = () => {
          tip.replaceChildren(thumbnail(map, number, 96));
          if (map.labels) tip.append(element('div', map.labels[number]));
          tip.style.left = x > 0.7 ? 'auto' : `calc(${3 + 94 * x}% + 10px)`;
          tip.style.right = x > 0.7 ? `calc(${97 - 94 * x}% + 10px)` : 'auto';
          tip.style.top = y < 0.3 ? 'auto' : `calc(${97 - 94 * y}% + 10px)`;
          tip.style.bottom = y < 0.3 ? `calc(${3 + 94 * y}% + 10px)` : 'auto';
          tip.hidden = false;
        };
        dot.addEventListener('pointerenter', enter);
        dot.addEventListener('focus', enter);
        dot.addEventListener('pointerleave', () => { tip.hidden = true; });
        dot.addEventListener('blur', () => { tip.hidden = true; });
        field.append(dot);
      });
    };
    for (const name of Object.keys(map.points)) {
      const tab = element('button', name);
      tab.addEventListener('click', () => show(name));
      tabs.append(tab);
    }
    if (classes.length <= MOST_NAMED) {
      const colours = new Map(classes.map((name, number) => [name, colour(number)]));
      section.querySelector('.legend').replaceWith(legend(colours));
    }
    show(Object.keys(map.points).at(-1));
    const rows = section.querySelector('.neighbours');
    for (const numbers of map.neighbours) {
      const row = element('div');
      for (const number of numbers) {
        const one = thumbnail(map, number, innerWidth < 560 ? 40 : 56);
        if (map.labels) one.title = map.labels[number];
        row.append(one);
      }
      rows.append(row);
    }
  }

  // Predictions

  for (const section of document.querySelectorAll('section.predictions')) {
    const found = data.predictions[section.dataset.run];
    if (found.confusion) section.querySelector('.confusion').append(confusionTable(found));
    if (found.figures) section.querySelector('.figures-of-classes').append(figuresTable(found));
    for (const gallery of found.galleries || []) {
      const place = section.querySelector('.galleries');
      place.append(element('h3', gallery.title));
      if (gallery.legend) place.append(legend(Object.entries(gallery.legend)));
      const row = element('div', null, gallery.wide ? 'gallery wide' : 'gallery');
      for (const shown of gallery.images) {
        const figure = element('figure');
        figure.append(shown.pair ? pairOf(shown) : image(shown.image, shown.text), element('div', shown.text));
        row.append(figure);
      }
      place.append(row);
    }
  }

  function confusionTable(found) {
    const table = element('table');
    const head = element('tr');
    head.append(element('th', 'label \\ prediction'));
    for (const name of found.classes) head.append(heading(name));
    table.append(head);
    found.confusion.forEach((counts, row) => {
      const line = element('tr');
      line.append(element('th', found.classes[row]));
      const total = counts.reduce((sum, count) => sum + count, 0);
      counts.forEach((count, column) => {
        const share = total ? count / total : 0;
        // Pixels are too many to be read as numbers.
        const text = found.unit === 'pixels' ? `${(100 * share).toFixed(0)} %` : count;
        const cell = element('td', count ? text : '');
        cell.title = `${found.classes[row]} as ${found.classes[column]}: ${count}, ${(100 * share).toFixed(1)} %`;
        const tone = row === column ? '46 158 79' : '194 59 59';
        if (count) cell.style.background = `rgb(${tone} / ${(0.08 + 0.6 * share).toFixed(3)})`;
        line.append(cell);
      });
      table.append(line);
    });
    return table;
  }

  function heading(name) {
    const cell = element('th');
    cell.append(element('span', name));
    return cell;
  }

  function figuresTable(found) {
    const table = element('table');
    const names = Object.keys(found.figures[0] || {});
    const head = element('tr');
    const titles = { count: found.unit, f1: 'F1', iou: 'IoU' };
    for (const name of names) head.append(element('th', titles[name] || name));
    table.append(head);
    for (const row of found.figures) {
      const line = element('tr');
      for (const name of names) {
        const value = row[name];
        line.append(element('td', name === 'class' ? value : name === 'count' ? value.toLocaleString('en') : fixed(value)));
      }
      table.append(line);
    }
    return table;
  }

  // Label and prediction of an image, with boxes.
  function pairOf(shown) {
    const pair = element('div', null, 'pair');
    for (const [number, side] of shown.pair.entries()) {
      const place = element('div', null, 'boxed');
      place.append(image(side.image, `${shown.text}: ${number ? 'prediction' : 'label'}`));
      for (const one of side.boxes) {
        const box = element('span', null, 'box');
        ['left', 'top', 'width', 'height'].forEach((edge, i) => { box.style[edge] = `${100 * one.box[i]}%`; });
        box.style.borderColor = one.colour;
        box.title = one.text;
        place.append(box);
      }
      pair.append(place);
    }
    return pair;
  }

  function legend(colours) {
    const made = element('div', null, 'legend');
    for (const [name, shade] of colours) {
      const dot = element('span', null, 'swatch');
      dot.style.background = shade;
      const item = element('span');
      item.append(dot, name);
      made.append(item);
    }
    return made;
  }
})();
