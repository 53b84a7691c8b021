select n.report, n.airport, n.state, n.species, n.size, n.flown, n.cost::integer as cost, n.speed::integer as speed
  from {{ ref('int_named') }} n, (select pg_sleep({{ var('slow') }})) slow
