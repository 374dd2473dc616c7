// npm run reproduce [-- NAME ...] [--keep FOLDER]: builds the bundles twice from copies of this tree, in folders of
// different depth, time zone and language, the second time as another user where this one may become another, and
// demands that every byte is equal. With --against-committed the result must be what is committed, too.
import {execFileSync, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import {parseArgs} from 'node:util';
import {root} from './node24.mjs';

const {values, positionals: names} = parseArgs({
  options: {'against-committed': {type: 'boolean'}, keep: {type: 'string'}},
  allowPositionals: true,
});
const parent = mkdtempSync(join(tmpdir(), 'switchback-reproduce-'));
chmodSync(parent, 0o755);
const other = otherUser();
try {
  process.exitCode = reproduce();
} finally {
  rmSync(parent, {recursive: true, force: true});
}

function reproduce() {
  const [near, far] = [join(parent, 'a'), join(parent, 'b', 'deeper', 'than the first')];
  // Both copies before either build: the tree may change meanwhile.
  for (const folder of [near, far]) copyTo(folder);
  const first = build(near, {TZ: 'UTC', LANG: 'C.UTF-8'});
  const second = build(far, {TZ: 'Asia/Tokyo', LANG: 'de_DE.UTF-8'}, other);
  const wrong = differences(first, second, 'differs between the two builds');
  if (values['against-committed']) wrong.push(...differences(first, digests(root), 'is not what is committed'));
  if (values.keep)
    for (const name of actionsIn(join(parent, 'a')))
      cpSync(join(parent, 'a', 'actions', name, 'dist'), join(values.keep, name, 'dist'), {recursive: true});
  if (wrong.length) {
    console.error(
      `${wrong.join('\n')}\nNext: find what the bundle takes from its surroundings: a path, a time, an order of files.`,
    );
    return 1;
  }
  const who = other ? `as ${userName()} and as user ${other.uid}` : 'as one user: this one may not become another';
  console.log(`${first.size} files are byte-equal in two folders, ${who}`);
  return 0;
}

/** A copy of what git tracks and of what is not ignored; packages are links to the same bytes. */
function copyTo(folder) {
  mkdirSync(folder, {recursive: true});
  for (const file of execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  }).split('\0'))
    if (file && existsSync(join(root, file)) && !/^actions\/[^/]+\/dist\//.test(file)) {
      mkdirSync(dirname(join(folder, file)), {recursive: true});
      cpSync(join(root, file), join(folder, file));
    }
  execFileSync('cp', ['-al', join(root, 'node_modules'), join(folder, 'node_modules')]);
}

function build(folder, env, user) {
  if (user) giveAway(folder, user);
  const script = [join(folder, 'scripts/build.mjs'), ...names];
  const [command, args] = user
    ? [
        'setpriv',
        ['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', process.execPath, ...script],
      ]
    : [process.execPath, script];
  const run = spawnSync(command, args, {
    cwd: folder,
    env: {PATH: process.env.PATH, HOME: folder, ...env},
    stdio: 'inherit',
  });
  if (run.status !== 0) throw new Error(`the build in ${folder} ended with ${run.status ?? run.signal}`);
  return digests(folder);
}

/** Digest of every file of every bundle that was asked for. */
function digests(folder) {
  const found = new Map();
  for (const name of actionsIn(folder))
    for (const entry of readdirSync(join(folder, 'actions', name, 'dist'), {recursive: true, withFileTypes: true})) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      found.set(relative(folder, path), createHash('sha256').update(readFileSync(path)).digest('hex'));
    }
  return found;
}

function actionsIn(folder) {
  return readdirSync(join(folder, 'actions')).filter(
    (name) => existsSync(join(folder, 'actions', name, 'dist')) && (!names.length || names.includes(name)),
  );
}

function differences(one, two, what) {
  return [...new Set([...one.keys(), ...two.keys()])]
    .filter((file) => one.get(file) !== two.get(file))
    .map((file) => `${file} ${what}`);
}

/** Nobody, where this process is root and the machine can change users; undefined otherwise. */
function otherUser() {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = [65_534, 65_534];
  return spawnSync('setpriv', ['--reuid', String(uid), '--regid', String(gid), '--clear-groups', 'true']).status === 0
    ? {uid, gid}
    : undefined;
}

/** Everything but the packages, which are links to files of this user. */
function giveAway(folder, {uid, gid}) {
  const entries = readdirSync(folder).filter((name) => name !== 'node_modules');
  execFileSync('chown', ['-R', `${uid}:${gid}`, '--', ...entries], {cwd: folder});
  execFileSync('chown', [`${uid}:${gid}`, folder]);
  if (!lstatSync(join(folder, 'node_modules')).isDirectory()) throw new Error('the copy has no packages');
}

function userName() {
  return `user ${process.getuid?.() ?? ''}`.trim();
}
