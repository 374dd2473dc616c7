// npm run sbom [-- --out FILE]: what is bundled, as CycloneDX 1.6, read from package-lock.json and the lists beside the
// bundles (no network), so that two runs are byte-equal.
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {packagesIn} from './bundled-packages.mjs';
import {root} from './node24.mjs';

const {values} = parseArgs({options: {out: {type: 'string'}}});
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const bundled = new Set(bundledPackages());
const runtime = Object.entries(lock.packages).filter(
  ([path, {version, dev, optional, devOptional, link}]) =>
    path && !link && ((!dev && !optional && !devOptional) || bundled.has(`${nameOf(path)} ${version}`)),
);
const known = new Set(runtime.map(([path, {version}]) => `${nameOf(path)} ${version}`));
const unknown = [...bundled].filter((one) => !known.has(one));
if (unknown.length) {
  console.error(`In a bundle and not in package-lock.json: ${unknown.join(', ')}\nNext: npm run build`);
  process.exit(1);
}
const unpinned = runtime.filter(([, {integrity}]) => !integrity);
if (!runtime.length || unpinned.length) {
  console.error(
    runtime.length
      ? `No digest in package-lock.json for ${unpinned.map(([path]) => path).join(', ')}`
      : 'No packages found',
  );
  process.exit(1);
}
const components = new Map(runtime.map(([path, entry]) => component(path, entry)).map((one) => [one['bom-ref'], one]));
const sbom = {
  $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
  bomFormat: 'CycloneDX',
  specVersion: '1.6',
  version: 1,
  metadata: {component: {type: 'application', name: lock.name, version: lock.version, 'bom-ref': lock.name}},
  components: [...components.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1)),
};
const text = `${JSON.stringify(sbom, undefined, 2)}\n`;
if (values.out) {
  writeFileSync(values.out, text);
  console.log(`${sbom.components.length} packages in ${values.out}`);
} else process.stdout.write(text);

function component(path, {version, integrity, license}) {
  const name = nameOf(path);
  const [algorithm, digest] = integrity.split(' ')[0].split(/-(.*)/s);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    scope: 'required',
    ...(license && {licenses: [/ (OR|AND|WITH) /.test(license) ? {expression: license} : {license: {id: license}}]}),
    hashes: [{alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex')}],
  };
}

function nameOf(path) {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Also what a tool brought and a bundle took along, which the lock file calls a development package. */
function bundledPackages() {
  return readdirSync(join(root, 'actions'))
    .map((name) => join(root, 'actions', name, 'dist', 'licenses.txt'))
    .filter((file) => existsSync(file))
    .flatMap((file) => packagesIn(readFileSync(file, 'utf8')).map(({name, version}) => `${name} ${version}`));
}
