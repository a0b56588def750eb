<?php
$options['size'] = 12kb;
