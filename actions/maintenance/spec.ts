import {configInputs, railwayInputs, vercelInputs} from '../../src/release/inputs.js';
import {choice, defineAction, duration, list, secret, text} from '../../src/runner/spec.js';

export const spec = defineAction({
  name: 'maintenance',
  description:
    'Switches maintenance mode on or off in seconds, without redeploying the product, and proves it by what users get.',
  icon: 'pause-circle',
  inputs: {
    mode: choice({
      options: ['on', 'off', 'status'],
      default: 'status',
      doc: '`on` shows the page and blocks the backend; `off` brings back exactly what was live before; `status` only looks.',
    }),
    components: list({options: ['frontend', 'backend'], default: 'frontend,backend', doc: 'Sides to switch.'}),
    reason: text({doc: 'Why; kept in the ledger.', default: 'planned maintenance', example: 'database move'}),
    for: duration({
      doc: 'When maintenance that nobody lifted counts as forgotten. Default: `maintenance.for` of the file.',
      minMs: 60_000,
    }),
    'bypass-secret': secret({
      doc: 'Operators who send it in the header `x-switchback-bypass` get through to the backend. One derived from `railway-token`, which the gate knows too, gets through besides.',
    }),
    ...configInputs,
    ...vercelInputs,
    ...railwayInputs,
  },
  outputs: {
    state: '`on`, `off` or `partly`.',
    changed: '`false` when it already was as asked.',
    frontend: 'What users get from the frontend, as seen from outside.',
    backend: 'What callers get from the backend, as seen from outside.',
    until: 'When the window counts as forgotten (ISO 8601), while it is on.',
    window: 'Id of the open window in the ledger.',
    since: 'When the open window began (ISO 8601); a repeated `on` joins the window that is open.',
    'operator-url': 'Immutable address of the frontend that was live: operators can look behind the page.',
    'duration-ms': 'From start to seen from outside.',
  },
});
