'use strict';
// Rows of the page, one for each network: pictures, and what belongs to them.

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function picture(address, text) {
  const made = element('img');
  if (String(address).startsWith('data:image/')) made.src = address;
  made.alt = text;
  made.draggable = false;
  return made;
}

const percent = (value) => `${(100 * value).toFixed(value < 0.1 ? 1 : 0)} %`;

/**
 * Show the results of all networks.
 * @param {Element} place - Element to fill.
 * @param {object[]} networks - Networks of the viewer.
 * @param {object[]} found - Their results.
 * @param {function} onMask - Called with the number of a network and its cells
 *     when they were changed by hand.
 */
function showResults(place, networks, found, onMask) {
  place.replaceChildren();
  found.forEach((result, number) => {
    const network = networks[number];
    place.append(element('h3', `${network.method}, ${network.name}`));
    const reconstruction = result.kind === 'reconstruction';
    const views = element('div', null, reconstruction ? 'views' : 'views large');
    const boxes = [];
    for (const [name, title] of Object.entries(result.titles)) {
      const figure = element('figure');
      const shown = element('div', null, 'picture');
      shown.append(picture(result.views[name], title));
      if (name === 'original' && network.by_hand) {
        drawable(shown, result.hidden, network.by_hand, (cells) => onMask(number, cells));
      }
      if (name === 'objects') boxes.push(...objectBoxes(shown, result.rows));
      figure.append(shown, element('div', title));
      views.append(figure);
    }
    if (reconstruction) {
      place.append(views, ...reconstructionNotes(result));
    } else {
      const line = element('div', null, 'result');
      line.append(views, table(result, boxes));
      place.append(line);
    }
  });
}

function reconstructionNotes(result) {
  const cells = result.hidden.flat();
  const count = cells.reduce((sum, cell) => sum + cell, 0);
  const text = `${count} of ${cells.length} cells hidden; their error is ${result.loss.toFixed(3)}, `
    + `that of filling each with its mean colour ${result.mean_colour_loss.toFixed(3)}`;
  const notes = [element('div', text, 'figures')];
  if (result.titles.normalised) {
    notes.push(element('div', 'The network predicts cells of zero mean and unit variance (last but one picture); the other '
      + 'pictures add mean and variance of the true cells.', 'figures'));
  }
  return notes;
}

const MEANINGS = {
  classification: 'Most probable classes',
  detection: 'Objects by score',
  segmentation: 'Classes by share of the area',
};

function table(result, boxes) {
  const made = element('div', null, 'table');
  made.append(element('div', result.rows.length ? MEANINGS[result.kind] : 'No object reaches this score.', 'figures'));
  result.rows.forEach((row, number) => {
    const line = element('div', null, 'row');
    const swatch = element('span', null, 'swatch');
    const bar = element('span', null, 'bar');
    const filled = element('span');
    filled.style.width = `${100 * row.value}%`;
    if (row.colour) swatch.style.background = filled.style.background = row.colour;
    bar.append(filled);
    line.append(swatch, element('span', row.name, 'name'), bar, element('span', percent(row.value), 'value'));
    if (boxes.length) {
      for (const [event, on] of [['pointerenter', true], ['pointerleave', false]]) {
        line.addEventListener(event, () => boxes[number].classList.toggle('chosen', on));
      }
    }
    made.append(line);
  });
  return made;
}

function objectBoxes(place, rows) {
  return rows.map((row) => {
    const box = element('span', null, 'box');
    ['left', 'top', 'width', 'height'].forEach((side, i) => { box.style[side] = `${100 * row.box[i]}%`; });
    box.style.borderColor = row.colour;
    box.title = `${row.name}, ${percent(row.value)}`;
    place.append(box);
    return box;
  });
}

// Cells of an original can be hidden and shown by hand: any, or all but one of each 2x2.
function drawable(place, cells, rule, onMask) {
  const canvas = element('canvas');
  const rows = cells.length;
  const columns = cells[0].length;
  canvas.width = columns * 16;
  canvas.height = rows * 16;
  const grid = cells.map((row) => row.map(Boolean));
  const draw = () => {
    const pen = canvas.getContext('2d');
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = 'rgb(20 20 20 / 65%)';
    grid.forEach((row, y) => row.forEach((cell, x) => {
      if (cell) pen.fillRect(16 * x, 16 * y, 16, 16);
    }));
  };
  const cellAt = (event) => {
    const box = canvas.getBoundingClientRect();
    const x = Math.floor(columns * (event.clientX - box.left) / box.width);
    const y = Math.floor(rows * (event.clientY - box.top) / box.height);
    return y >= 0 && y < rows && x >= 0 && x < columns ? [y, x] : null;
  };
  let value = null;
  const mark = (event) => {
    const cell = value === null ? null : cellAt(event);
    if (!cell) return;
    const [y, x] = cell;
    if (rule === 'block') {
      const [top, left] = [y - y % 2, x - x % 2];
      for (const i of [0, 1]) grid[top + i][left] = grid[top + i][left + 1] = true;
      grid[y][x] = false;
    } else {
      grid[y][x] = value;
    }
    draw();
  };
  canvas.addEventListener('pointerdown', (event) => {
    const cell = cellAt(event);
    if (!cell) return;
    value = !grid[cell[0]][cell[1]];
    canvas.setPointerCapture(event.pointerId);
    mark(event);
  });
  canvas.addEventListener('pointermove', mark);
  canvas.addEventListener('pointerup', () => {
    if (value === null) return;
    value = null;
    onMask(grid);
  });
  draw();
  place.classList.add('drawn');
  place.append(canvas);
}
