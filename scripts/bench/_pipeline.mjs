// Wall and CPU time of a shell pipeline with everything it started, as bash counts it.
import {spawn} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';

/** @param watch also add up what the pipeline's processes have written to disks, looked at every 50 ms. */
export function time(script, env = {}, watch = false) {
  const timed = `set -o pipefail; TIMEFORMAT='%R %U %S'; time { ${script}; }`;
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['-c', timed], {env: {...process.env, ...env}, stdio: ['ignore', 'pipe', 'pipe']});
    const disk = watch ? watchDisk(child.pid) : undefined;
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('close', (code) => {
      const figures = /([\d.]+) ([\d.]+) ([\d.]+)\s*$/.exec(stderr);
      if (code !== 0 || !figures) return reject(new Error(`${script.slice(0, 80)} ended with ${code}\n${stderr}`));
      const [wall, user, system] = figures.slice(1).map(Number);
      resolve({stdout, wallMs: wall * 1e3, cpuMs: (user + system) * 1e3, ...(disk ? {disk: disk.stop()} : {})});
    });
  });
}

function watchDisk(root) {
  const seen = new Map();
  const look = () => {
    for (const pid of descendants(root)) {
      const [, bytes] = /^write_bytes: (\d+)/m.exec(read(`/proc/${pid}/io`)) ?? [];
      if (bytes !== undefined)
        seen.set(pid, {bytes: Number(bytes), name: read(`/proc/${pid}/comm`).trim() || seen.get(pid)?.name});
    }
  };
  const timer = setInterval(look, 50);
  return {
    stop: () => {
      clearInterval(timer);
      return [...seen.values()].filter(({name}) => name);
    },
  };
}

function descendants(root) {
  const parents = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const [, parent] = /\) \S (\d+)/.exec(read(`/proc/${pid}/stat`)) ?? [];
    parents.set(Number(pid), Number(parent));
  }
  const below = (pid) => {
    for (let at = pid; at; at = parents.get(at)) if (at === root) return true;
    return false;
  };
  return [...parents.keys()].filter(below);
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
