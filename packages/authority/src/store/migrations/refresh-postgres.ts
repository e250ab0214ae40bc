/** The schema as it was first released. Never edited again: see `migrations.ts`. */
export const refreshPostgres: readonly string[] = [
  `CREATE TABLE "refresh_families" (
    "partition" bigint NOT NULL,
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "family" text COLLATE "C" NOT NULL,
    "client_id" text COLLATE "C" NOT NULL,
    "subject" text COLLATE "C" NOT NULL,
    "hash" bytea NOT NULL,
    "pepper_version" text COLLATE "C" NOT NULL,
    "generation" bigint NOT NULL,
    "terms" text COLLATE "C" NOT NULL,
    "status" text COLLATE "C" NOT NULL,
    "position" bigint NOT NULL,
    "created_at" bigint NOT NULL,
    "used_at" bigint NOT NULL,
    "idle_expires_at_seconds" bigint NOT NULL,
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("partition", "tenant", "id")
  ) PARTITION BY LIST ("partition")`,
  `CREATE INDEX "refresh_families_by_tenant_subject_partition_id" ON "refresh_families" (
    "tenant",
    "subject",
    "partition",
    "id"
  )`,
  `CREATE INDEX "refresh_families_by_pepper_version" ON "refresh_families" (
    "pepper_version"
  )`,
  `CREATE TABLE "refresh_successors" (
    "tenant" text COLLATE "C" NOT NULL,
    "id" text COLLATE "C" NOT NULL,
    "generation" bigint NOT NULL,
    "sealed" bytea NOT NULL,
    "asked" text COLLATE "C" NOT NULL,
    "binding" text COLLATE "C",
    "expires_at_seconds" bigint NOT NULL,
    PRIMARY KEY ("tenant", "id")
  )`,
  `CREATE INDEX "refresh_successors_by_expires_at_seconds" ON "refresh_successors" (
    "expires_at_seconds"
  )`,
  `CREATE INDEX "revocations_by_tenant_target_kind_target_id_position" ON "revocations" (
    "tenant",
    "target_kind",
    "target_id",
    "position"
  )`,
];
