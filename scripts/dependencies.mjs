// npm run dependencies [-- --check]: writes action-docs/dependencies.md, the review of what is bundled and why, from
// package.json, the lock file, the reasons and the lists beside the committed bundles. Fails on a direct dependency
// without a reason, a reason without a dependency, a licence that is not allowed, and a package of unknown origin.
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {packagesIn} from './bundled-packages.mjs';
import {root} from './node24.mjs';

const page = join(root, 'action-docs', 'dependencies.md');
const read = (file) => readFileSync(join(root, file), 'utf8');
const lock = JSON.parse(read('package-lock.json')).packages;
const reasons = JSON.parse(read('scripts/dependency-reasons.json'));
const direct = Object.keys(lock[''].dependencies).sort();
const allowed = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'MIT-0',
  'LGPL-3.0+',
]);
const problems = [];
const bundles = readdirSync(join(root, 'actions'))
  .filter((name) => existsSync(join(root, 'actions', name, 'dist', 'licenses.txt')))
  .sort();
const bundled = packagesByBundle();
const origins = originsOf();
const inTools = new Set(
  Object.entries(lock).map(([path, {version}]) => `${path.slice(path.lastIndexOf('node_modules/') + 13)} ${version}`),
);

for (const name of direct)
  if (!reasons[name]) problems.push(`${name} has no reason in scripts/dependency-reasons.json`);
for (const name of Object.keys(reasons))
  if (!direct.includes(name)) problems.push(`${name} has a reason and is no dependency`);
for (const {key, license} of bundled.values()) {
  if (!allowed.has(license)) problems.push(`${key} has the licence ${license}, which is not allowed here`);
  if (!origins.has(key) && !inTools.has(key))
    problems.push(`${key} is in a bundle and not in package-lock.json: build the bundles again`);
}
if (problems.length) {
  console.error(problems.join('\n'));
  process.exit(1);
}
const text = render();
if (!process.argv.includes('--check')) writeFileSync(page, text);
else if (!existsSync(page) || read('action-docs/dependencies.md') !== text) {
  console.error(
    'action-docs/dependencies.md is not what the bundles hold.\nNext: npm run dependencies, then commit it.',
  );
  process.exit(1);
}
console.log(
  `${bundled.size} packages in ${bundles.length} bundles, ${direct.length} of them chosen, each with its reason`,
);

function packagesByBundle() {
  const found = new Map();
  for (const bundle of bundles)
    for (const {name, version, license} of packagesIn(read(`actions/${bundle}/dist/licenses.txt`))) {
      const key = `${name} ${version}`;
      const one = found.get(key) ?? {key, name, version, license, in: []};
      one.in.push(bundle);
      found.set(key, one);
    }
  return found;
}

/** For each package and version: the direct dependencies that bring it, found as Node looks packages up. */
function originsOf() {
  const found = new Map();
  for (const start of direct) {
    const seen = new Set();
    const queue = [`node_modules/${start}`];
    for (let path = queue.pop(); path; path = queue.pop()) {
      if (seen.has(path) || !lock[path]) continue;
      seen.add(path);
      const key = `${path.slice(path.lastIndexOf('node_modules/') + 13)} ${lock[path].version}`;
      found.set(key, new Set([...(found.get(key) ?? []), start]));
      const {dependencies = {}, optionalDependencies = {}, peerDependencies = {}} = lock[path];
      for (const name of Object.keys({...dependencies, ...optionalDependencies, ...peerDependencies}))
        queue.push(lookUp(path, name));
    }
  }
  return found;
}

function lookUp(from, name) {
  for (
    let folder = from;
    folder;
    folder = folder.includes('/node_modules/') ? folder.slice(0, folder.lastIndexOf('/node_modules/')) : ''
  ) {
    if (lock[`${folder}/node_modules/${name}`]) return `${folder}/node_modules/${name}`;
  }
  return `node_modules/${name}`;
}

function render() {
  const all = [...bundled.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  const where = (list) => (list.length === bundles.length ? 'all' : list.join(', ') || 'none');
  const chosen = direct.map((name) => {
    const {version, license} = lock[`node_modules/${name}`];
    const inside = all.filter((one) => one.name === name && one.version === version).flatMap((one) => one.in);
    return `| \`${name}\` | ${version} | ${license} | ${where(inside)} | ${reasons[name]} |`;
  });
  const brought = all
    .filter(({name}) => !direct.includes(name))
    .map(
      ({key, name, version, license, in: inside}) =>
        `| \`${name}\` | ${version} | ${license} | ${[...(origins.get(key) ?? ['(tools)'])].join(', ')} | ${where(inside)} |`,
    );
  const names = all.map(({name}) => name);
  const twice = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].map((name) => `\`${name}\``);
  return `# What is bundled, and why

<!-- Generated by \`npm run dependencies\` from the lock file and the lists beside the bundles; do not edit. -->

Each action is one bundle; \`licenses.txt\` in its \`dist\` names the packages that are really in it. Versions are exact in \`package.json\` and hashed in \`package-lock.json\`; nothing runs a script while it is installed. A new dependency needs a reason here, a licence that allows bundling, and upkeep; \`npm run audit\` asks for known flaws, \`npm run sbom\` lists everything in CycloneDX.

## Chosen

| package | version | licence | in the bundles | why |
|---|---|---|---|---|
${chosen.join('\n')}

## Brought along

| package | version | licence | by | in the bundles |
|---|---|---|---|---|
${brought.join('\n')}

(tools): asked for by a bundled package only if it is there, and there because a tool brings it; or the bundler's own few lines.

In more than one version, because those who bring them ask for different ones: ${twice.join(', ') || 'none'}.
`;
}
