// npm run audit [-- --required]: known flaws in the packages of the lock file, against a policy. In what bundles are made
// of, every flaw counts; in tools that only developers run, high and critical ones do. scripts/audit-exceptions.json may
// excuse one flaw until a date, with the reason; an exception that has expired, or that nothing needs, fails as well.
// A registry that cannot say (a mirror, no network) is named and does not fail, unless --required.
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {parseArgs} from 'node:util';
import {root} from './node24.mjs';

const {values} = parseArgs({
  options: {
    required: {type: 'boolean'},
    registry: {type: 'string'},
    exceptions: {type: 'string', default: join(root, 'scripts', 'audit-exceptions.json')},
  },
});
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
const exceptions = JSON.parse(readFileSync(values.exceptions, 'utf8'));
const today = new Date().toISOString().slice(0, 10);
process.exitCode = audit();

function audit() {
  const malformed = exceptions.filter(
    ({id, package: name, until, why}) => !id || !name || !why || !/^\d{4}-\d\d-\d\d$/.test(until ?? ''),
  );
  if (malformed.length)
    return fail(malformed.map((one) => `${JSON.stringify(one)} needs id, package, until (YYYY-MM-DD) and why`));
  const report = ask();
  if (!report.vulnerabilities) {
    console.log(
      `The registry has no audit endpoint that answers (${oneLine(report.message ?? report.error?.summary ?? 'no answer')}): nothing was checked.`,
    );
    return values.required ? 1 : 0;
  }
  const flaws = flawsIn(report);
  const counted = flaws.filter(({bundled, severity}) => bundled || ['high', 'critical'].includes(severity));
  const excuse = (flaw) => exceptions.find(({id, package: name}) => id === flaw.id && name === flaw.package);
  const problems = [
    ...counted.filter((flaw) => !excuse(flaw)).map(describe),
    ...counted
      .filter((flaw) => (excuse(flaw)?.until ?? today) < today)
      .map((flaw) => `${describe(flaw)}; its exception ended on ${excuse(flaw).until}`),
    ...exceptions
      .filter(({id, package: name}) => !flaws.some((flaw) => flaw.id === id && flaw.package === name))
      .map(({id, package: name}) => `The exception for ${name} (${id}) is not needed any more`),
  ];
  for (const flaw of counted.filter(excuse))
    console.log(`excused until ${excuse(flaw).until}: ${describe(flaw)}: ${excuse(flaw).why}`);
  if (problems.length) return fail(problems);
  console.log(
    `${flaws.length} known flaws, ${counted.length} of them count, all of those excused; ${Object.keys(lock.packages).length - 1} packages`,
  );
  return 0;
}

function fail(problems) {
  console.error(
    `${problems.join('\n')}\nNext: update the package, or add an exception with a date and a reason to scripts/audit-exceptions.json.`,
  );
  return 1;
}

function ask() {
  const args = ['audit', '--json', '--package-lock-only', ...(values.registry ? ['--registry', values.registry] : [])];
  const {stdout} = spawnSync('npm', args, {cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, timeout: 120_000});
  try {
    return JSON.parse(stdout);
  } catch {
    return {message: stdout?.trim().split('\n')[0] ?? 'no answer'};
  }
}

/** One entry per advisory and package. A package is reported once more for each that depends on it; those are left out. */
function flawsIn({vulnerabilities}) {
  return Object.values(vulnerabilities).flatMap(({name, nodes, via}) =>
    via
      .filter((cause) => typeof cause === 'object')
      .map(({url, title, severity}) => ({
        id: url.slice(url.lastIndexOf('/') + 1),
        package: name,
        title: oneLine(title),
        severity,
        bundled: nodes.some((path) => lock.packages[path] && !lock.packages[path].dev && !lock.packages[path].optional),
      })),
  );
}

function describe({id, package: name, title, severity, bundled}) {
  return `${name}: ${severity}, ${title} (${id})${bundled ? ', in what bundles are made of' : ', in a tool'}`;
}

/** Titles are written by strangers. */
function oneLine(text) {
  return String(text)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .slice(0, 200);
}
