// npm run bench -- gate-probes [--endpoints N] [--seconds S]: one process probes many endpoints once a second against a
// server in another process that reports its own times.
import {fork} from 'node:child_process';
import {createServer} from 'node:http';
import {performance} from 'node:perf_hooks';
import {fileURLToPath} from 'node:url';

if (process.env.GATE_BENCH_SERVER) serve();
else await bench();

/** Answers after 5 to 50 ms and says how long it really took. */
function serve() {
  const server = createServer({keepAliveTimeout: 30_000}, (_request, response) => {
    const start = performance.now();
    setTimeout(
      () => {
        response.setHeader('x-server-ms', (performance.now() - start).toFixed(3));
        response.end('{"status":"ok"}');
      },
      5 + 45 * Math.random(),
    );
  });
  server.listen(0, '127.0.0.1', 4_096, () => process.send({port: server.address().port}));
  process.on('disconnect', () => process.exit());
}

async function bench() {
  const {runGate} = await import('../../lib/src/gate/run-gate.js');
  const {probeHttp} = await import('../../lib/src/gate/probes/http.js');
  const number = (name, fallback) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] || fallback);
  const endpoints = process.argv.includes('--endpoints') ? number('endpoints', 0) : 1_000;
  const seconds = process.argv.includes('--seconds') ? number('seconds', 0) : 60;
  const server = fork(fileURLToPath(import.meta.url), {env: {...process.env, GATE_BENCH_SERVER: '1'}});
  const {port} = await new Promise((resolve) => server.once('message', resolve));
  const errors = [];
  const http = (check, context) =>
    probeHttp(check, {
      ...context,
      exchange: async (request) => {
        const answer = await context.exchange(request);
        errors.push(Math.abs(answer.latencyMs - Number(answer.headers['x-server-ms'])));
        return answer;
      },
    });
  const started = performance.now();
  const result = await runGate({
    policy: {
      interval: 1_000,
      'min-duration': seconds * 1_000,
      'max-duration': (seconds + 60) * 1_000,
      'warm-up': 10_000,
      'unhealthy-error-rate': 0.1,
    },
    checks: Array.from({length: endpoints}, (_, i) => ({
      name: `endpoint ${i}`,
      path: `/e/${i}`,
      expect: {json: [{path: '$.status', equals: 'ok'}]},
    })),
    candidate: {urls: {backend: `http://127.0.0.1:${port}`}},
    signal: new AbortController().signal,
    progress: (line) => console.log(line),
    probes: {http},
  });
  server.disconnect();
  const tookS = (performance.now() - started) / 1000;
  const sorted = Float64Array.from(errors).sort();
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))].toFixed(2);
  const {rounds, late_rounds: late} = result.record.overall;
  const peakMb = process.resourceUsage().maxRSS / 1_000;
  const cpu = process.cpuUsage();
  const rows = [
    ['verdict', result.verdict, 'pass', result.verdict === 'pass'],
    ['probes', `${errors.length} in ${tookS.toFixed(1)} s, ${(errors.length / tookS).toFixed(0)} a second`, '', true],
    ['late rounds', `${late} of ${rounds}`, '≤ 1%', late <= 0.01 * rounds],
    ['peak memory', `${peakMb.toFixed(0)} MB`, '< 300 MB', peakMb < 300],
    [
      'timing error median / p95 / p99',
      `${at(0.5)} / ${at(0.95)} / ${at(0.99)} ms`,
      'median < 5 ms',
      Number(at(0.5)) < 5,
    ],
    ['CPU', `${((cpu.user + cpu.system) / 1e6).toFixed(1)} s`, '', true],
  ];
  for (const [name, measured, demanded, holds] of rows)
    console.log(`${holds ? 'ok  ' : 'MISS'} ${name.padEnd(34)} ${String(measured).padEnd(36)} ${demanded}`);
  process.exit(rows.every((row) => row[3]) ? 0 : 1);
}
