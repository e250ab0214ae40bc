/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const revocationsPostgres: readonly string[] = [
  'ALTER TABLE "revocations" ADD COLUMN "before_seconds" bigint',
  'ALTER TABLE "revocations" ADD COLUMN "sealed_note" text COLLATE "C"',
  'ALTER TABLE "revocations" ADD COLUMN "undo" text COLLATE "C"',
  'ALTER TABLE "revocations" ADD COLUMN "undone_at" bigint',
  'ALTER TABLE "revocations" ADD COLUMN "run" text COLLATE "C"',
  'ALTER TABLE "revocations" ADD COLUMN "resume_at" bigint',
  'CREATE INDEX "revocations_by_resume_at" ON "revocations" ("resume_at" NULLS FIRST)',
];
