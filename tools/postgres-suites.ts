/**
 * Set-up of the suites: one PostgreSQL for all of them, named to them as `inject('postgresUrl')`.
 * MINTMARK_TEST_POSTGRES names another server, whose user may create databases.
 */
import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres-fixture.ts';

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string;
    /** How often each race of the token endpoint is run: MINTMARK_RACE_TRIALS, 5 if not set. */
    raceTrials: number;
    /** Of each credential under load: MINTMARK_ROTATIONS, 6 if not set. */
    rotations: number;
  }
}

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  project.provide('raceTrials', Number(process.env['MINTMARK_RACE_TRIALS'] ?? 5));
  project.provide('rotations', Number(process.env['MINTMARK_ROTATIONS'] ?? 6));
  const given = process.env['MINTMARK_TEST_POSTGRES'];
  if (given !== undefined && given !== '') {
    project.provide('postgresUrl', given);
    return async () => undefined;
  }
  const { url, stop } = await startPostgres();
  project.provide('postgresUrl', url);
  return stop;
}
