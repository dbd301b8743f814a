'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  let state = null;
  let image = null;   // number in the folder, or the address of a file
  let hidden = null;  // cells drawn by hand, null if they are drawn by the seed
  let turn = 0;       // the newest request; older answers are dropped

  function element(name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined && text !== null) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function say(text, error = false) {
    find('status').textContent = text;
    find('status').classList.toggle('error', error);
  }

  async function ask(path, request) {
    const options = request && {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request),
    };
    const answer = await fetch(path, options || {});
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.error);
    return content;
  }

  function picture(address, text) {
    const made = element('img');
    if (String(address).startsWith('data:image/')) made.src = address;
    made.alt = text;
    made.draggable = false;
    return made;
  }

  // Reconstruction

  async function predict() {
    if (image === null) return;
    const mine = ++turn;
    say('computing');
    const byHand = state.networks.some((network) => network.by_hand);
    const request = { image, seed: Number(find('seed').value) };
    if (byHand) request.ratio = Number(find('ratio').value);
    if (hidden) request.hidden = hidden;
    try {
      const found = await ask('/predict', request);
      if (mine !== turn) return;
      show(found);
      say('');
    } catch (error) {
      if (mine === turn) say(error.message, true);
    }
  }

  function show(found) {
    const rows = find('rows');
    rows.replaceChildren();
    let drawn = false;
    found.forEach((result, number) => {
      const network = state.networks[number];
      rows.append(element('h3', `${network.method}, ${network.name}`));
      const views = element('div', null, 'views');
      for (const [name, title] of Object.entries(result.titles)) {
        const figure = element('figure');
        const place = element('div');
        place.append(picture(result.views[name], title));
        if (name === 'original' && network.by_hand && !drawn) {
          drawn = true;
          drawable(place, result.hidden);
        }
        figure.append(place, element('div', title));
        views.append(figure);
      }
      rows.append(views);
      rows.append(element('div', `error of hidden cells ${result.loss.toFixed(4)}; mean-colour filling ${result.mean_colour_loss.toFixed(4)}`, 'figures'));
    });
  }

  // Cells of the first original can be hidden and shown by hand.
  function drawable(place, cells) {
    place.className = 'drawn';
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
    let value = null;
    const mark = (event) => {
      if (value === null) return;
      const box = canvas.getBoundingClientRect();
      const x = Math.floor(columns * (event.clientX - box.left) / box.width);
      const y = Math.floor(rows * (event.clientY - box.top) / box.height);
      if (y < 0 || y >= rows || x < 0 || x >= columns) return;
      grid[y][x] = value;
      draw();
    };
    canvas.addEventListener('pointerdown', (event) => {
      const box = canvas.getBoundingClientRect();
      const x = Math.floor(columns * (event.clientX - box.left) / box.width);
      const y = Math.floor(rows * (event.clientY - box.top) / box.height);
      value = !grid[y][x];
      canvas.setPointerCapture(event.pointerId);
      mark(event);
    });
    canvas.addEventListener('pointermove', mark);
    canvas.addEventListener('pointerup', () => {
      value = null;
      hidden = grid;
      predict();
    });
    draw();
    place.append(canvas);
  }

  // Features

  async function similarity(y, x) {
    if (image === null) return;
    try {
      const network = Number(find('network').value);
      const found = await ask('/similarity', { image, network, y, x });
      find('point').src = found.original;
      find('heat').src = found.image;
    } catch (error) {
      say(error.message, true);
    }
  }

  async function neighbours() {
    const place = find('neighbours');
    place.replaceChildren();
    if (image === null || !state.images.length) return;
    try {
      const network = Number(find('network').value);
      for (const one of await ask('/neighbours', { image, network })) {
        place.append(choice(one.id, `${one.name}, similarity ${one.similarity}`));
      }
    } catch (error) {
      say(error.message, true);
    }
  }

  // Choice of an image

  function choice(number, text) {
    const button = element('button');
    const shown = element('img');
    shown.src = `/image/${number}`;
    shown.alt = text;
    shown.loading = 'lazy';
    button.title = text;
    button.append(shown);
    button.addEventListener('click', () => choose(number));
    return button;
  }

  async function choose(chosen) {
    image = chosen;
    hidden = null;
    [...find('images').children].forEach((button, number) => {
      button.setAttribute('aria-pressed', number === chosen);
    });
    await predict();
    await similarity(0.5, 0.5);
    await neighbours();
  }

  function read(file) {
    if (!file) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => choose(reader.result));
    reader.readAsDataURL(file);
  }

  async function watch() {
    const count = Math.min(state.images.length, state.indexed);
    find('indexed').textContent = state.images.length
      ? `${count} of ${state.images.length} images of the folder are compared.`
      : 'Give a folder to compare with: mixmae view CHECKPOINT --images FOLDER.';
    if (count < state.images.length) {
      await new Promise((done) => setTimeout(done, 2000));
      try { state.indexed = (await ask('/state')).indexed; } catch { return; }
      watch();
    }
  }

  async function start() {
    state = await ask('/state');
    const byHand = state.networks.filter((network) => network.by_hand);
    find('ratio-label').hidden = find('hand-note').hidden = !byHand.length;
    if (byHand.length) find('ratio').value = byHand[0].ratio;
    find('ratio-value').textContent = `${Math.round(100 * find('ratio').value)} %`;
    state.networks.forEach((network, number) => {
      const option = element('option', `${network.method}, ${network.name}`);
      option.value = number;
      find('network').append(option);
    });
    find('network-label').hidden = state.networks.length < 2;
    state.images.forEach((name, number) => find('images').append(choice(number, name)));

    find('file').addEventListener('change', (event) => read(event.target.files[0]));
    const drop = find('drop');
    drop.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
    drop.addEventListener('dragleave', () => drop.classList.remove('over'));
    drop.addEventListener('drop', (event) => {
      event.preventDefault();
      drop.classList.remove('over');
      read(event.dataTransfer.files[0]);
    });
    find('ratio').addEventListener('input', () => {
      find('ratio-value').textContent = `${Math.round(100 * find('ratio').value)} %`;
    });
    find('ratio').addEventListener('change', () => { hidden = null; predict(); });
    find('seed').addEventListener('change', () => { hidden = null; predict(); });
    find('again').addEventListener('click', () => {
      find('seed').value = Number(find('seed').value) + 1;
      hidden = null;
      predict();
    });
    find('network').addEventListener('change', async () => { await similarity(0.5, 0.5); await neighbours(); });
    find('point').addEventListener('click', (event) => {
      const box = event.target.getBoundingClientRect();
      similarity((event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width);
    });
    watch();
    if (state.images.length) choose(0);
  }
  start().catch((error) => say(error.message, true));
})();
