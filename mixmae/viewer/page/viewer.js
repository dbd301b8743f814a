'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  let state = null;
  let image = null;   // number in the folder, or the address of a file
  let hidden = null;  // cells of each network that were drawn by hand; null if none were
  let turn = 0;       // the newest request; older answers are dropped

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

  // Predictions

  async function predict() {
    if (image === null) return;
    const mine = ++turn;
    say('computing');
    const request = {
      image, hidden, seed: Number(find('seed').value), score: Number(find('score').value),
    };
    if (!find('ratio-label').hidden) request.ratio = Number(find('ratio').value);
    try {
      const found = await ask('/predict', request);
      if (mine !== turn) return;
      showResults(find('rows'), state.networks, found, (number, cells) => {
        hidden = shared(found, number, cells);
        predict();
      });
      say('');
    } catch (error) {
      if (mine === turn) say(error.message, true);
    }
  }

  // Cells drawn for one network, for all networks with the same cells and rule.
  function shared(found, number, cells) {
    const { by_hand: rule } = state.networks[number];
    const old = hidden || state.networks.map(() => null);
    return state.networks.map((network, i) => {
      const grid = found[i].hidden;
      const same = network.by_hand === rule && grid
        && grid.length === cells.length && grid[0].length === cells[0].length;
      return same ? cells : old[i];
    });
  }

  function newMask() {
    hidden = null;
    predict();
  }

  // Features

  async function similarity(y, x) {
    if (image === null) return;
    try {
      const network = Number(find('network').value);
      const found = await ask('/similarity', { image, network, y, x });
      find('point').src = found.original;
      find('heat').src = found.image;
      find('cross').style.left = `${100 * x}%`;
      find('cross').style.top = `${100 * y}%`;
    } catch (error) {
      say(error.message, true);
    }
  }

  async function neighbours() {
    const place = find('neighbours');
    if (image === null || !state.images.length) return;
    try {
      const network = Number(find('network').value);
      const found = await ask('/neighbours', { image, network });
      place.replaceChildren(...found.map((one) => {
        const figure = element('figure');
        const text = one.id === image ? 'itself' : one.similarity.toFixed(3);
        figure.append(choice(one.id, `${one.name}, similarity ${one.similarity}`), element('div', text));
        return figure;
      }));
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
      ? `${count} of ${state.images.length} images of the folder are compared, by the cosine similarity of their mean features.`
      : 'Give a folder to compare with: mixmae view CHECKPOINT --images FOLDER.';
    if (count === state.images.length) {
      neighbours();
      return;
    }
    await new Promise((done) => setTimeout(done, 2000));
    try { state.indexed = (await ask('/state')).indexed; } catch { return; }
    watch();
  }

  // Only settings that a network has are shown.
  function showSettings() {
    const having = (test) => state.networks.filter(test);
    const masked = having((network) => network.kind === 'reconstruction');
    const free = having((network) => network.by_hand === 'any');
    const blocks = having((network) => network.by_hand === 'block');
    const detectors = having((network) => network.kind === 'detection');
    find('ratio-label').hidden = !free.length;
    find('seed-label').hidden = !masked.length;
    find('score-label').hidden = !detectors.length;
    find('settings').hidden = !masked.length && !detectors.length;
    find('settings-title').textContent = !masked.length ? 'Objects' : detectors.length ? 'Mask and objects' : 'Mask';
    find('results-title').textContent = masked.length === state.networks.length ? 'Reconstruction' : 'Prediction';
    const notes = [];
    if (free.length) notes.push('Click or drag over an original to hide or show cells.');
    if (blocks.length) notes.push('UM-MAE keeps one cell of each 2x2: click the one to keep.');
    find('hand-note').textContent = notes.join(' ');
    if (free.length) find('ratio').value = free[0].ratio;
    showValues();
  }

  function showValues() {
    find('ratio-value').textContent = percent(Number(find('ratio').value));
    find('score-value').textContent = find('score').value;
  }

  async function start() {
    state = await ask('/state');
    showSettings();
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
    find('ratio').addEventListener('input', showValues);
    find('score').addEventListener('input', showValues);
    find('ratio').addEventListener('change', newMask);
    find('seed').addEventListener('change', newMask);
    find('score').addEventListener('change', predict);
    find('again').addEventListener('click', () => {
      find('seed').value = Number(find('seed').value) + 1;
      newMask();
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
