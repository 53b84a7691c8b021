select report, airport, state, species, size, flown, cost, speed from {{ ref('int_costed') }}
