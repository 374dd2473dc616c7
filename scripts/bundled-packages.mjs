// Which packages are really in a bundle, read from the bundler's own list of modules, and their licences.
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from './node24.mjs';

/** Packages that stand in a module of ours as text, where the bundler does not see them. */
const embedded = {'lib/src/status/page-files.js': 'node_modules/uplot'};

/**
 * @param stats what `ncc --stats-out` wrote.
 * @returns one entry per package and version, sorted, with the bytes its modules had before minification.
 */
export function bundledPackages(stats) {
  const found = new Map();
  for (const module of included(stats.modules)) {
    const path = module.nameForCondition ?? module.identifier ?? '';
    const folder = packageFolder(path) ?? Object.entries(embedded).find(([file]) => path.endsWith(file))?.[1];
    if (folder) found.set(folder, (found.get(folder) ?? 0) + (module.size ?? 0));
  }
  return [...found]
    .map(([folder, bytes]) => ({folder, bytes, ...manifest(folder)}))
    .sort((a, b) => compare(`${a.name} ${a.version} ${a.folder}`, `${b.name} ${b.version} ${b.folder}`));
}

/**
 * The file that lies beside a bundle: what is in it, whose it is, and every licence text once; most packages share a few.
 */
export function licenceText(packages) {
  const groups = new Map();
  for (const one of uniqueVersions(packages)) {
    const {notice, terms} = split(licenceOf(one.folder) ?? one.license);
    const key = sameTerms(terms);
    const group = groups.get(key) ?? {terms, packages: []};
    group.packages.push(
      [`${one.name} ${one.version} (${one.license})`, ...notice.map((line) => `    ${line}`)].join('\n'),
    );
    groups.set(key, group);
  }
  const blocks = [...groups.values()].map(({terms, packages: names}) => `${names.join('\n')}\n\n${terms}\n`);
  return `This bundle holds parts of these packages, each under the terms below it.\n\n${blocks.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

/** Titles, quotes and line breaks differ between texts that say the same. */
function sameTerms(terms) {
  return terms
    .replace(/^.{0,60}licen[cs]e.{0,20}$/gim, '')
    .replace(/all rights reserved\.?/gi, '')
    .replace(/[^a-z0-9]+/gi, ' ')
    .toLowerCase()
    .trim();
}

/** Who holds the rights, apart from the terms that hundreds of packages share word for word. */
function split(text) {
  const isNotice = (line) =>
    /^\s*(copyright\b.*\d{4}|copyright \(c\)|\(c\) |©)/i.test(line) && !line.includes('[yyyy]');
  const lines = text.split('\n');
  const terms = lines
    .filter((line) => !isNotice(line))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n');
  return {notice: lines.filter(isNotice).map((line) => line.trim()), terms: terms.trim()};
}

/** Names and versions as `licenceText` wrote them. */
export function packagesIn(licences) {
  return [...licences.matchAll(/^((?:@[\w.-]+\/)?[\w.-]+) (\d+\.\d+\.\d+\S*) \((.+)\)$/gm)].map(
    ([, name, version, license]) => ({name, version, license}),
  );
}

function uniqueVersions(packages) {
  return [...new Map(packages.map((one) => [`${one.name} ${one.version}`, one])).values()];
}

// What was shaken out of a bundle has no chunk; modules joined into one are listed below it.
function* included(modules) {
  for (const module of modules ?? []) if (module.chunks?.length) yield* leaves(module);
}

function* leaves(module) {
  if (module.modules?.length) for (const inner of module.modules) yield* leaves(inner);
  else yield module;
}

function packageFolder(path) {
  const parts = path.split('node_modules/');
  if (parts.length < 2) return undefined;
  const [scope, name] = parts.at(-1).split('/');
  return `${parts
    .slice(1, -1)
    .map((part) => `node_modules/${part}`)
    .join('')}node_modules/${scope.startsWith('@') ? `${scope}/${name}` : scope}`;
}

function manifest(folder) {
  const {name, version, license} = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  return {name, version, license: typeof license === 'string' ? license : (license?.type ?? nameOf(licenceOf(folder)))};
}

/** The identifier of a text, for a package whose manifest names none. */
function nameOf(text = '') {
  if (/Apache License\s+Version 2\.0/.test(text)) return 'Apache-2.0';
  return /Permission is hereby granted, free of charge/.test(text) ? 'MIT' : 'see text';
}

function licenceOf(folder) {
  const files = readdirSync(join(root, folder)).filter((name) => /^(licen[cs]e|copying)([.-].*)?$/i.test(name));
  const name = files.sort(compare)[0];
  return name && existsSync(join(root, folder, name))
    ? readFileSync(join(root, folder, name), 'utf8').replace(/\r\n/g, '\n')
    : undefined;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
