/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rotationEventsSqlite: readonly string[] = [
  `CREATE TABLE "rotation_events" (
    "tenant" TEXT NOT NULL,
    "event" TEXT NOT NULL,
    "about" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "at" INTEGER NOT NULL,
    PRIMARY KEY ("tenant", "event", "about")
  ) STRICT, WITHOUT ROWID`,
];
