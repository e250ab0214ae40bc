/** Never edited again: see `migrations.ts`. */
export const bindingsSqlite: readonly string[] = [
  'ALTER TABLE "tokens_p%" ADD COLUMN "binding" TEXT',
];
