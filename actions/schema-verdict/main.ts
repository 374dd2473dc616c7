import {runAction} from '../../src/runner/run-action.js';
import {cleanUp, run} from './run.js';
import {spec} from './spec.js';

await runAction(spec, run, cleanUp);
