// Installs what CI asks for a second opinion: act by Go; moto, boto3 and the aws command line by Python. All of it goes
// into .cache; what this machine cannot have is named in one line, and the tests that want it are skipped.
// The last line printed is the folder to put at the head of the PATH.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {compile} from './compile.mjs';
import {root} from './node24.mjs';

const packages = ['moto[server]==5.2.5', 'boto3==1.44.8', 'awscli==1.46.3'];
const cache = join(root, '.cache');
const venv = join(cache, 'second-opinions');
const say = (line) => process.stderr.write(`${line}\n`);

compile();
await installAct();
installPython();
process.stdout.write(`${join(venv, 'bin')}\n`);

async function installAct() {
  const {findAct} = await import(pathToFileURL(join(root, 'lib/src/rehearsal/engine/act-binary.js')).href);
  try {
    say(`act: ${(await findAct(cache)).replace(root, '')}`);
  } catch (error) {
    say(`act: left out. ${error.message}. ${error.remedy}`);
  }
}

function installPython() {
  const stamp = join(venv, 'installed');
  const wanted = packages.join('\n');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return say(`from PyPI: ${packages.join(', ')}`);
  const made = run('python3', ['-m', 'venv', '--clear', venv]);
  const ok = made && run(join(venv, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', ...packages]);
  if (!ok) return say('moto, boto3, aws: left out, since Python with venv or its package index is not at hand');
  writeFileSync(stamp, wanted);
  say(`from PyPI: ${packages.join(', ')}`);
}

function run(command, args) {
  return spawnSync(command, args, {stdio: ['ignore', 'ignore', 'inherit']}).status === 0;
}
