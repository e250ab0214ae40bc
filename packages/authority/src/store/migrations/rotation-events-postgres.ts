/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const rotationEventsPostgres: readonly string[] = [
  `CREATE TABLE "rotation_events" (
    "tenant" text COLLATE "C" NOT NULL,
    "event" text COLLATE "C" NOT NULL,
    "about" text COLLATE "C" NOT NULL,
    "count" bigint NOT NULL,
    "at" bigint NOT NULL,
    PRIMARY KEY ("tenant", "event", "about")
  )`,
];
