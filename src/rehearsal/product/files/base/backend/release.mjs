import {readFileSync} from 'node:fs';

/** What is running: the version from the build, the commit from the platform. */
export const {version} = JSON.parse(readFileSync(new URL('release.json', import.meta.url), 'utf8'));
export const commit = process.env.RAILWAY_GIT_COMMIT_SHA ?? 'unknown';
