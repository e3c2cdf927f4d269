module taffrail/test/rig/standins/cloudbeaver

go 1.24.0

require (
	github.com/jackc/pgpassfile v1.0.0
	github.com/jackc/pgx/v5 v5.7.5
	github.com/vektah/gqlparser/v2 v2.5.30
)

require (
	github.com/agnivade/levenshtein v1.2.1 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	golang.org/x/crypto v0.37.0 // indirect
	golang.org/x/text v0.24.0 // indirect
)
