select report, airport, state, species, size, flown::date as flown, cost, speed from {{ source('raw', 'reports') }}
