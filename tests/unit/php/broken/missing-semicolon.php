<?php
$options['db_type'] = 'mysql'
$options['db_host'] = 'localhost';
