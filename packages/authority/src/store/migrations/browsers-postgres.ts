/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const browsersPostgres: readonly string[] = [
  `CREATE TABLE "known_browsers" (
    "tenant" text COLLATE "C" NOT NULL,
    "user_id" text COLLATE "C" NOT NULL,
    "hash" text COLLATE "C" NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "user_id", "hash")
  )`,
  `CREATE INDEX "known_browsers_by_expires_at_seconds" ON "known_browsers" (
    "expires_at_seconds"
  )`,
];
