const {api, calls} = window.productConfig;

const answers = calls.map(({path, headers}) =>
  fetch(api + path, {headers}).then((response) => {
    if (!response.ok) throw new Error(`${path} answered ${response.status}`);
    return response.json();
  }),
);

Promise.all(answers)
  .then(([{items}]) => {
    document.getElementById('catalogue').replaceChildren(...items.map(line));
    document.body.dataset.state = 'ready';
  })
  .catch((error) => {
    document.getElementById('catalogue').textContent = error.message;
    document.body.dataset.state = 'failed';
  });

function line(item) {
  const element = document.createElement('li');
  element.textContent = item.name;
  return element;
}
