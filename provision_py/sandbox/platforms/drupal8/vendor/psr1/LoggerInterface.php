<?php

namespace Psr\Log;

interface LoggerInterface
{
    public function log($level, $message, array $context = array());
}
