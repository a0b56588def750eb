<?php
$options['db_na